"""A model service on loopback that does what the prompt says, in the four protocols coding agents speak.

The last message that has them gives the steps, one a line:

    READ path                     the client's tool for reading
    WRITE path: content           its tool for writing a file; \\n in the content is a new line
    EDIT path: old => new         its tool for replacing text
    RUN command                   its shell
    SAY text                      the closing words (default: Done.)

and before any of them, once in this place, or N times, or for ever (0):

    FAIL status [N [S]]           an HTTP error; S seconds in Retry-After
    CUT [N]                       the connection ends in the middle of an answer
    REFUSE                        the model declines, always
    SLOW seconds                  the answer takes that long
    HOLD name                     the answer waits until the test releases `name`
"""

from model_api.server import Exchange, ModelApi

__all__ = ["Exchange", "ModelApi"]
