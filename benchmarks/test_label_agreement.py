"""Is every variant right? Its labels of photographs, beside those of the FP32 reference and the true ones."""


def test_image_is_readable(image_files, read_photographs):
    """An image that cannot be read fails here, with its name and the reason; the others are judged all the same."""
    assert read_photographs(image_files)


def test_labels_agree(inference, judge_labels):
    """Every photograph gets the reference's label, and the right one where the weights are pretrained."""
    judge_labels(inference)
