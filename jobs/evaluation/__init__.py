"""Evaluation: maps of pictures, made by the student or by anybody, scored against labels.

Inside are the folders of pictures and labels, the sources of maps, the scores, and what is drawn of them.
Take its modules by name: a door with names would import PyTorch and SciPy, which a wrong command, scoring of
somebody's maps or a contact sheet do without.
"""
