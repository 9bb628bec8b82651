"""
What people see: text, JSON, plots, a page of HTML, video.

matplotlib, Pillow and PyAV are loaded only when a picture or a video is wanted.
"""
