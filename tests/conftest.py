"""What every test runs under. Set here because TensorFlow reads it once, when it is imported."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only: the rest greets the hardware
os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")
os.environ["COLUMNS"] = "100"  # help and tables come out alike whatever the terminal
