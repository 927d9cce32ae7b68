"""Numbers from predictions: metrics, confidence intervals and tests. No TensorFlow."""
