"""The tutorial's network in PyTorch, eager: pytorch.py DATA [channels-last] [fused] [bfloat16]."""

import sys

import numpy as np
import torch
from torch import nn

from turns import BATCH, CHUNK, serve


def main() -> None:
    """Keep the data as one tensor, gather a batch a step; then take turns."""
    with np.load(sys.argv[1]) as data:
        images = torch.tensor(data["images"]).permute(0, 3, 1, 2).float() / 255
        labels = torch.tensor(data["labels"]).long()
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(7 * 7 * 64, 1024), nn.ReLU(), nn.Dropout(0.5)),
        nn.Linear(1024, 10),
    )
    layout = torch.channels_last if "channels-last" in sys.argv else torch.contiguous_format
    model, images = model.to(memory_format=layout), images.contiguous(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), 1e-4, fused="fused" in sys.argv)

    def run() -> None:
        for _ in range(CHUNK):
            rows = torch.randint(len(labels), (BATCH,))
            with torch.autocast("cpu", enabled="bfloat16" in sys.argv):
                loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    serve(run)


if __name__ == "__main__":
    main()
