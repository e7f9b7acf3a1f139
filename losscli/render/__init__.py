"""Explanations out: one format a file. A renderer draws what an Explanation holds and computes nothing."""
