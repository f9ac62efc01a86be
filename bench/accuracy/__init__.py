"""
How right the counts are, against what was billed.

    tally.py       errors, and what they come to
    recording.py   a recorded call as our counter sees it
    ours.py        our counts of a corpus
    peers.py       the counts of public counters, in a virtual environment of their own
    peer_program.py    what runs there
    report.py      what was measured, for people and for programs
"""
