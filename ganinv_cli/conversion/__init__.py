"""Write a generator of any format as a Keras model."""
