"""Where a stage runs. `base.Engine` is what each engine implements; `choose` picks one."""
