"""The model in formats of others, by Keras' own exporters, each checked where it will run."""
