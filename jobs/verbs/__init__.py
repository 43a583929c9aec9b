"""The verbs of ``sgddiff``, a module each: its flags, a call of what does the work, and what it prints."""
