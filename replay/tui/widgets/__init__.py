"""The panes: each shows a model and turns keys and clicks into messages."""
