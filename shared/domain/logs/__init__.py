"""What Azure exports of itself: resource logs, the Activity Log and metrics, from bytes to values."""
