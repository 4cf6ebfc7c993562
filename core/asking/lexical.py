"""BM25 over postings whose contributions are worked out beforehand, so that a question adds a few columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from core.asking.words import TermIds

SATURATION: Final = 1.2
LENGTH_SHARE: Final = 0.4

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WordStatistics:
    """How common words are in all of a creator's windows; needed where a snapshot holds only some of them.

    ``frequencies`` maps the ids of the question's terms to the number of windows that have them.
    """

    windows: int
    unit_terms: float
    window_terms: float
    frequencies: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The terms of a creator, ascending, with how telling each is.

    ``ids`` int32 and ``idf`` float32, both of shape (n_terms,); ``unseen_idf`` is that of a word nobody said.
    """

    ids: TermIds
    idf: Floats
    unseen_idf: float

    def columns(self, terms: TermIds) -> tuple[Ints, NDArray[np.bool_]]:
        """Return the column of each term and whether there is one."""
        if len(self.ids) == 0:
            return np.zeros(len(terms), np.int32), np.zeros(len(terms), np.bool_)
        columns = np.minimum(np.searchsorted(self.ids, terms), len(self.ids) - 1)
        return columns.astype(np.int32), self.ids[columns] == terms

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.ids.nbytes + self.idf.nbytes

    def idf_of(self, terms: TermIds) -> Floats:
        """Return float32 of shape (len(terms),)."""
        columns, known = self.columns(terms)
        idf = np.full(len(terms), self.unseen_idf, np.float32)
        idf[known] = self.idf[columns[known]]
        return idf


@dataclass(frozen=True, slots=True)
class Postings:
    """Term by term the rows that have it and what it adds to their score.

    ``offsets`` (n_terms + 1,), ``rows`` int32 and ``impacts`` float32 (n_postings,).
    """

    offsets: Ints
    rows: Ints
    impacts: Floats
    n_rows: int

    @classmethod
    def build(cls, counted: "Counted", idf: Floats, mean_terms: float) -> Self:
        """Work out the contributions.

        Args:
            counted: how often each row has each term.
            idf: float32 of shape (n_terms,).
            mean_terms: terms of an average row of the creator.
        """
        length = counted.lengths[counted.rows] / max(mean_terms, 1e-9)
        damped = counted.repeats + SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * length)
        weight = counted.repeats * (SATURATION + 1) / damped
        offsets = np.searchsorted(counted.columns, np.arange(len(idf) + 1)).astype(np.int32)
        impacts = (idf[counted.columns] * weight).astype(np.float32)
        return cls(offsets, counted.rows, impacts, len(counted.lengths))

    def scores(self, columns: Ints) -> Floats:
        """Add up the columns of a question: float32 of shape (n_rows,), 0 where no term occurs."""
        scores = np.zeros(self.n_rows, np.float32)
        for column in columns:
            begin, end = self.offsets[column], self.offsets[column + 1]
            scores[self.rows[begin:end]] += self.impacts[begin:end]
        return scores

    def rows_within(self, columns: Ints, first: Positions, last: Positions) -> Ints:
        """Count the rows from ``first`` to ``last``, inclusive, that have each term.

        Returns:
            int32 of shape (len(columns), len(first)).
        """
        counts = np.zeros((len(columns), len(first)), np.int32)
        for at, column in enumerate(columns):
            rows = self.rows[self.offsets[column] : self.offsets[column + 1]]
            counts[at] = np.searchsorted(rows, last, side="right") - np.searchsorted(rows, first)
        return counts

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.offsets.nbytes + self.rows.nbytes + self.impacts.nbytes


@dataclass(frozen=True, slots=True)
class Counted:
    """Terms counted by row, ordered by term: ``columns``, ``rows`` and ``repeats`` are int32 of one shape.

    ``lengths`` (n_rows,) are the terms of each row.
    """

    columns: Ints
    rows: Ints
    repeats: Ints
    lengths: Ints

    @classmethod
    def of(cls, columns: Ints, lengths: Ints) -> Self:
        """Count; ``columns`` holds the term of every occurrence, row after row, ``lengths`` how many each row has."""
        n_rows = max(len(lengths), 1)
        keys = columns.astype(np.int64) * n_rows + np.repeat(np.arange(len(lengths)), lengths)
        pairs, repeats = np.unique(keys, return_counts=True)
        column, row = np.divmod(pairs, n_rows)
        return cls(column.astype(np.int32), row.astype(np.int32), repeats.astype(np.int32), lengths)

    def frequencies(self, n_terms: int) -> Floats:
        """Return how many rows have each term, float32 of shape (n_terms,)."""
        return np.bincount(self.columns, minlength=n_terms).astype(np.float32)


def inverse_frequency(frequency: Floats, rows: int) -> Floats:
    """Return how telling a term is that ``frequency`` of ``rows`` rows have; never negative."""
    idf: Floats = np.log1p(np.maximum(rows - frequency + 0.5, 0.5) / (frequency + 0.5)).astype(np.float32)
    return idf
