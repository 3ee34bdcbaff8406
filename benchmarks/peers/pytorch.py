"""The tutorial's network in PyTorch, eager: FOLDER [channels-last] [fused] [bfloat16]."""

import sys
from typing import Any

import torch
from torch import nn

from turns import BATCH, CHUNK, accuracy, load, serve


def main() -> None:
    """Keep the data as one tensor, gather a batch a step; then take turns."""
    pixels, digits = load()
    images, labels = torch.tensor(pixels).permute(0, 3, 1, 2), torch.tensor(digits).long()
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

    def predict(images: Any) -> Any:
        model.eval()
        with torch.no_grad():
            scores = model(torch.tensor(images).permute(0, 3, 1, 2))
        model.train()
        return scores.numpy()

    serve(run, lambda: accuracy(predict))


if __name__ == "__main__":
    main()
