"""DVC with several stages in their rooms at once.

It is DVC itself, in one process; only its loop over the stages is this one. Each stage has a
thread, and DVC's own code (what changed, its caches, dvc.lock) runs in one of them at a time, which
holds DVC's lock of the project as ever. A thread gives up its turn while its command runs; the
launcher takes it again, for the thread, before its last look at what the stage was given.

It needs DVC and the standard library alone, since it runs in the Python of the `dvc` on PATH.
"""
