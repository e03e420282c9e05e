"""Answers → something seen: report frames in; text, HTML, files and plots out."""
