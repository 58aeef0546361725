"""The course: run it all with `python -m lessons`, one lesson with `python lessons/NN_name.py`."""
