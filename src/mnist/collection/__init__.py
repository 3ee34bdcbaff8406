"""A folder of pictures -> a card and an archive a split, which `fetch` brings like any data set."""
