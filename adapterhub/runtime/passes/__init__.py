"""Forward passes of the backbone over rows of any adapters: packed or padded, read or continued."""
