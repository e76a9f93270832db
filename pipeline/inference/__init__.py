"""The ONNX predictor, measuring a model, and gathering the evidence for a judgement."""
