"""Slack's numbers, in one place.

From Slack's reference and the validators of its SDK, but for those marked as observed: they come
from reports of people who measured them.
"""

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
ATTACHMENTS = 100
MESSAGE_TEXT = 40_000
"""`chat.postMessage` cuts longer texts instead of refusing them."""
UPDATED_TEXT = 4_000
"""Observed: `chat.update` refuses what `chat.postMessage` would take."""
BLOCKS_SERIALISED = 13_200
"""Observed: characters of all blocks of a message as compact JSON. The structure counts too:
messages with 11,341 characters of text have been refused."""

TEXT_IN_SECTION = 3000
FIELDS = 10
TEXT_IN_FIELD = 2000
HEADER = 150
CONTEXT_ELEMENTS = 10
ACTIONS_ELEMENTS = 25
CONTEXT_ACTIONS_ELEMENTS = 5
IDENTIFIER = 255
URL = 3000
IMAGE_TEXT = 2000

BUTTON_TEXT = 75
BUTTON_VALUE = 2000
ACCESSIBILITY_LABEL = 75
PLACEHOLDER = 150
OPTIONS = 100
OPTION_GROUPS = 100
OVERFLOW_OPTIONS = 5
CHOICES = 10
"""Checkboxes and radio buttons."""
OPTION_TEXT = 75
OPTION_VALUE = 150
OPTION_DESCRIPTION = 75
CONFIRM_TITLE = 100
CONFIRM_TEXT = 300
CONFIRM_BUTTON = 30

INPUT_LABEL = 2000
TYPED_TEXT = 3000
MODAL_TITLE = 24
PRIVATE_METADATA = 3000
VIEW_STACK = 3

VIEW_BYTES = 250_000
"""A whole view as JSON."""

CARD_TITLE = 150
CARD_BODY = 200
CARD_ACTIONS = 5
CAROUSEL_CARDS = 10
ALERT_TEXT = 200
ALERT_LEVELS = ("default", "info", "warning", "error", "success")
DATA_TABLE_ROWS = 101

MARKDOWN_TEXT = 12_000
VIDEO_TITLE = 200
VIDEO_AUTHOR = 50
TABLE_ROWS = 100
TABLE_CELLS = 20
TABLE_SETTINGS = 20
TABLE_TEXT = 10_000

RESPONSE_URL_USES = 5
RESPONSE_URL_SECONDS = 1800.0
TRIGGER_SECONDS = 3.0
ACK_SECONDS = 3.0
CONNECTIONS = 10
CONNECTION_SECONDS = 18_060.0
"""Life of a Socket Mode connection, until Slack asks for a new one."""
WARNING_SECONDS = 10.0
"""How long before that it says so."""
HISTORY_PAGE = 999
FILE_BYTES = 8 * 1024 * 1024
"""Slack takes 1 GB; the pretend one keeps everything in memory."""
FILE_SECONDS = 0.3
"""Until an uploaded picture is processed; observed: well under a second, at times many."""
ALT_TEXT = 1000
