"""A recorded run to be looked at and moved through in a terminal."""
