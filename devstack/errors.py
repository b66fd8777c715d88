"""What can go wrong in a devstack, as a person is told.

DevstackError
├── AzuriteNotInstalled     no Node.js, or Azurite's packages aren't there
├── AzuriteDidNotStart      it ended before it listened: a port in use, a damaged data folder
├── PortInUse               something else listens where the Functions host should
├── FunctionAppError        the function app, or its settings, can't be loaded
├── SubscriptionRefused     the webhook didn't pass Event Grid's validation
├── KeysUnreadable          the host's file of keys holds none for its webhook
├── NoOpenFace              no OpenFace can be used, and no stand-in either
└── PartEnded               a part that should run for ever ended
"""

from __future__ import annotations


class DevstackError(Exception):
    """Base of all; its text says what happened, to what, and what to do next."""


class AzuriteNotInstalled(DevstackError):
    """Azurite, or the Node.js that runs it, isn't on this machine."""


class AzuriteDidNotStart(DevstackError):
    """Azurite ended, or said nothing, before it listened."""


class PortInUse(DevstackError):
    """Something else listens on the Functions host's port."""


class FunctionAppError(DevstackError):
    """The function app can't be loaded; the text holds its own error."""


class SubscriptionRefused(DevstackError):
    """The webhook answered Event Grid's validation with something else than the validation code."""


class KeysUnreadable(DevstackError):
    """The file that should hold the Functions host's keys doesn't."""


class NoOpenFace(DevstackError):
    """There is neither an OpenFace that can be used nor a stand-in."""


class PartEnded(DevstackError):
    """A part ended by itself."""
