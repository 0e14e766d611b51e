//! Races: one winner, on one node and on two.
