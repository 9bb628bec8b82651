"""
A page that shows a drive in the browser, live or out of a recording: rerun's viewer with one layout for both.

Nothing that drives imports it; its library is an extra (``pip install '.[view]'``). ``recording`` shows a bag; a
running graph is shown by ``live.view``.
"""
