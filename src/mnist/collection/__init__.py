"""Make a data set of a folder of pictures, for `fetch` to read like any other."""
