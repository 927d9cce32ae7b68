"""Models of many kinds, as a user would write them, for images of 8 by 8 pixels and more."""

import keras
from keras import layers


def resnet(image_shape, classes):
    """Residual blocks with batch normalisation (He et al. 2016), and dropout."""
    inputs = keras.Input(image_shape)
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(inputs)
    for filters, stride in ((8, 1), (16, 2)):
        shortcut = x if stride == 1 else layers.Conv2D(filters, 1, stride)(x)
        x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.Add()([shortcut, layers.BatchNormalization()(x)]))
    x = layers.Dropout(0.25)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def mixer(image_shape, classes):
    """MLP-Mixer (Tolstikhin et al. 2021) on rows."""
    rows, width = image_shape[0], image_shape[1] * image_shape[2]
    inputs = keras.Input(image_shape)
    x = layers.Dense(16)(layers.Reshape((rows, width))(inputs))
    for _ in range(2):
        y = layers.Permute((2, 1))(layers.LayerNormalization()(x))
        y = layers.Dense(rows)(layers.Dense(8, activation="gelu")(y))
        x = layers.Add()([x, layers.Permute((2, 1))(y)])
        y = layers.Dense(32, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dropout(0.1)(layers.Dense(16)(y))])
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def mlp(image_shape, classes):
    """Dense layers with all that is done at random to them, and regularisation."""
    return keras.Sequential(
        [
            layers.Flatten(),
            layers.GaussianNoise(0.1),
            layers.Dense(32, kernel_regularizer="l2", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(0.3, seed=7),
            layers.Dense(32, kernel_initializer=keras.initializers.HeNormal(seed=7)),
            layers.PReLU(),
            layers.ActivityRegularization(l1=1e-4),
            layers.GaussianDropout(0.1),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def lstm(image_shape, classes):
    """Rows as a sequence, read in both directions, with dropout within."""
    rows, width = image_shape[0], image_shape[1] * image_shape[2]
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Reshape((rows, width)),
            layers.Bidirectional(layers.LSTM(8, dropout=0.1, return_sequences=True)),
            layers.GRU(8, recurrent_dropout=0.1),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def vit(image_shape, classes):
    """Patches that attend to each other (Dosovitskiy et al. 2021)."""
    inputs = keras.Input(image_shape)
    x = layers.Conv2D(16, 2, 2)(inputs)
    x = layers.Reshape((-1, 16))(x)
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(2, 8, dropout=0.1)(y, y)])
        y = layers.Dense(32, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(16)(y)])
    x = layers.Flatten()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def separable(image_shape, classes):
    """Depthwise separable convolutions (Howard et al. 2017), on images that are changed first."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.RandomTranslation(0.1, 0.1),
            layers.RandomFlip("horizontal"),
            layers.Rescaling(2.0, -1.0),
            layers.SeparableConv2D(8, 3, padding="same"),
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            layers.BatchNormalization(),
            layers.ReLU(6),
            layers.SpatialDropout2D(0.1),
            layers.GlobalMaxPooling2D(),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def inception(image_shape, classes):
    """Branches of one form side by side (Szegedy et al. 2015), of random layers and weights."""
    inputs = keras.Input(image_shape)
    x = layers.Conv2D(8, 3, padding="same")(inputs)
    branches = [
        layers.Dropout(0.2)(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(x)))
        for _ in range(3)
    ]
    x = layers.Concatenate()([*branches, layers.MaxPooling2D(3, 1, padding="same")(x)])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def squeeze(image_shape, classes):
    """Squeeze and excitation (Hu et al. 2018), with spectral normalisation."""
    inputs = keras.Input(image_shape)
    x = layers.SpectralNormalization(layers.Conv2D(8, 3, activation="relu"))(inputs)
    weights = layers.Dense(4, activation="relu")(layers.GlobalAveragePooling2D()(x))
    weights = layers.Reshape((1, 1, 8))(layers.Dense(8, activation="sigmoid")(weights))
    x = layers.Flatten()(layers.Multiply()([x, weights]))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def nested(image_shape, classes):
    """Models within models, and a layer and a model that are called twice."""
    inputs = keras.Input(image_shape)
    convolve = layers.Conv2D(8, 3, padding="same", activation="relu")
    block = keras.Sequential(
        [
            keras.Input((*image_shape[:2], 8)),
            convolve,
            layers.BatchNormalization(),
            layers.Dropout(0.2),
        ]
    )
    first = layers.Conv2D(8, 1)(inputs)
    twice = block(block(first))
    shared = layers.Dense(8, activation="relu")
    x = shared(shared(layers.GlobalAveragePooling2D()(twice)))
    inner = keras.Sequential([keras.Sequential([layers.Dense(8), layers.Dropout(0.1)])])
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(inner(x)))
