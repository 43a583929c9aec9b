"""What a training leaves for people: curves, the assessment of a stage, and model cards.

Inside is what is drawn and written of plain values and finished checkpoints. Nothing here trains, or knows
which stage comes next.
"""
