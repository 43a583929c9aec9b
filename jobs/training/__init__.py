"""The training: config, stages, the engines that run them, and who hears of it.

Inside are the plan of a training, the schedule that trains what is not finished, this process or Ray's
workers at it, and its storage; the pictures that it learns from and what it leaves for people have rooms of
their own. Take its modules by name: people's own classes import `jobs.training.events`, and a door with names
would load PyTorch for them.
"""
