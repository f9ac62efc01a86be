"""`doctor`: whether an installation works, and what to do where it does not. A file a subject, a function a check."""
