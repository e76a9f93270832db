"""Serving: the ONNX predictor and the web application."""
