"""What is compared: studies, hyperparameter search, published results and the benchmark."""
