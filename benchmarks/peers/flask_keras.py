"""The server that is written first: Flask's own, Keras' `predict`, a picture a request."""

import io
import sys

import keras
import numpy as np
from flask import Flask, Response, jsonify, request
from PIL import Image

app = Flask(__name__)
model = keras.models.load_model("models/model.keras")


@app.post("/predict")
def predict() -> Response:
    """Answer with the probabilities of the ten digits."""
    image = Image.open(io.BytesIO(request.data)).convert("L").resize((28, 28))
    pixels = 255 - np.asarray(image, np.float32)[None, :, :, None]
    return jsonify(model.predict(pixels, verbose=0)[0].tolist())


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]))
