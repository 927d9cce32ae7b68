"""Well-known datasets: what Keras downloads, and what the classes of others are called.

Files of images and numbers don't say what the classes are. Names that the authors published are
taken where the content or the file's name leaves no doubt.
"""

import string
from collections.abc import Sequence

import numpy as np

from mnist_aug import backend
from mnist_aug.data.matching import words
from mnist_aug.errors import UserError

# Xiao, Rasul and Vollgraf 2017.
FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag"),
    "Ankle boot",
)
# Krizhevsky 2009.
CIFAR10 = (
    *("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
)
CIFAR100 = """
    apple, aquarium fish, baby, bear, beaver, bed, bee, beetle, bicycle, bottle, bowl, boy,
    bridge, bus, butterfly, camel, can, castle, caterpillar, cattle, chair, chimpanzee, clock,
    cloud, cockroach, couch, crab, crocodile, cup, dinosaur, dolphin, elephant, flatfish,
    forest, fox, girl, hamster, house, kangaroo, keyboard, lamp, lawn mower, leopard, lion,
    lizard, lobster, man, maple tree, motorcycle, mountain, mouse, mushroom, oak tree, orange,
    orchid, otter, palm tree, pear, pickup truck, pine tree, plain, plate, poppy, porcupine,
    possum, rabbit, raccoon, ray, road, rocket, rose, sea, seal, shark, shrew, skunk,
    skyscraper, snail, snake, spider, squirrel, streetcar, sunflower, sweet pepper, table, tank,
    telephone, television, tiger, tractor, train, trout, tulip, turtle, wardrobe, whale, willow
    tree, wolf, woman, worm
"""
# Clanuwat et al. 2018: the modern hiragana, in Latin letters.
KMNIST = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
# Cohen et al. 2017. Letters that look alike in upper and lower case are one class in "balanced".
CAPITALS = tuple(string.ascii_uppercase)
BALANCED = (*string.digits, *CAPITALS, *"abdefghnqrt")
EMNIST = {
    "letters": CAPITALS,
    "balanced": BALANCED,
    "bymerge": BALANCED,
    "byclass": (*string.digits, *CAPITALS, *string.ascii_lowercase),
    "digits": tuple(string.digits),
    "mnist": tuple(string.digits),
}
KERAS = {
    "fashion_mnist": FASHION,
    "cifar10": CIFAR10,
    "cifar100": tuple(" ".join(CIFAR100.split()).split(", ")),
}
# Images of a class in training and test set, and the first and last training labels, as the
# tutorials of TensorFlow print them.
PRINTED = {
    (6_000, 1_000, (9, 0, 0), (3, 0, 5)): FASHION,
    (5_000, 1_000, (6, 9, 9), (9, 1, 1)): CIFAR10,
}


def from_keras(name: str) -> list[np.ndarray]:
    """x_train, y_train, x_test and y_test of `keras.datasets`, downloaded if they aren't yet.

    Raises:
        UserError: they can't be loaded.
    """
    backend.start_tensorflow(one_thread=True)
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises Exception itself, urllib and zlib their own
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"data {name} can't be loaded by keras.datasets ({reason}): connect to the network, or "
            "give files of your own, as DATA=path/to/files"
        ) from None
    return [x_train, y_train, x_test, y_test]


def is_transposed(name: str) -> bool:
    """Whether the files of that name hold images with rows and columns swapped, as EMNIST's do."""
    return "emnist" in words(name)


def class_names(
    name: str, classes: Sequence[int], y_train: np.ndarray, y_test: np.ndarray | None
) -> tuple[str, ...]:
    """What the classes are called, if the dataset is known; else empty.

    Args:
        name: of the dataset or its files.
        classes: the labels as they are stored.
        y_train, y_test: int `[N]`, from 0, in the order of the files.
    """
    said = {*words(name)}
    if "emnist" in said:
        names = next((own for kind, own in EMNIST.items() if kind in said), ())
        starts = (0, 1) if names == CAPITALS else (0,)
        return names if [*classes] in [[*range(s, s + len(names))] for s in starts] else ()
    if [*classes] != [*range(len(classes))]:
        return ()
    if len(classes) == 10 and ({"kmnist", "kuzushiji"} & said):
        return KMNIST
    if len(classes) == 10 and ({"fashion", "fashionmnist"} & said):
        return FASHION
    counts = [{*np.bincount(y).tolist()} for y in (y_train, y_test) if y is not None and len(y)]
    for (train, test, first, last), names in PRINTED.items():
        if (
            len(classes) == len(names)
            and counts in ([{train}], [{train}, {test}])
            and (*y_train[:3], *y_train[-3:]) == (*first, *last)
        ):
            return names
    return ()
