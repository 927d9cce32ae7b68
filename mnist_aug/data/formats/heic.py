"""HEIC pictures, as iPhones write them, where pillow-heif is installed."""


def formats() -> tuple[str, ...]:
    """What Pillow is to be allowed to open beside `preprocessing.FORMATS`, after this call."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return ()
    register_heif_opener(thumbnails=False)
    return ("HEIF",)
