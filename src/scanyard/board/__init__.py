"""The leaderboard: entries, their order with intervals, the database they live in and the page that shows them.

What it leaves to others: the numbers themselves (``metrics``), and everything that trains or reads frames; an entry
arrives finished, and this room never imports torch.

Tried and turned down: an ORM (one table with one JSON document a row needs none); ranking entries of different test
splits together (their numbers do not compare, so every test split gets a board of its own); a rank without its range
(entries whose intervals overlap would look ordered when they are not).
"""

from scanyard.board.database import add_entries, read_entries
from scanyard.board.entry import DataDeclaration, Entry
from scanyard.board.page import write_page
from scanyard.board.ranking import Ranked, boards, rank

__all__ = ["DataDeclaration", "Entry", "Ranked", "add_entries", "boards", "rank", "read_entries", "write_page"]
