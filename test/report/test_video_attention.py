import numpy as np
from bundles import make_tiny_bundle

from lnn_controller.policy import ImageSpec, Policy
from lnn_controller.report.video_attention import GLOW, STRONGEST, with_attention


def test_attention_glows_where_the_policy_sees(tmp_path):
    image = ImageSpec(12, 16, crop_top=0.25, crop_bottom=0.25)
    bundle = make_tiny_bundle(tmp_path / 'tiny', image=image, attention=True)
    picture = np.zeros((48, 32, 3), np.uint8)
    picture[:, 16:, 1] = 255  # the tiny map is the frame's green
    ((stamp_ns, shown),) = with_attention([(7, picture)], Policy.load(bundle))
    assert stamp_ns == 7
    np.testing.assert_array_equal(shown[:12], picture[:12])
    np.testing.assert_array_equal(shown[36:], picture[36:])
    np.testing.assert_array_equal(shown[12:36, :12], picture[12:36, :12])
    wanted = STRONGEST * np.array(GLOW) + (1 - STRONGEST) * np.array([0, 255, 0])
    np.testing.assert_allclose(shown[12:36, 20:], np.broadcast_to(wanted, (24, 12, 3)), atol=1.5)
    assert not picture[12:36, 20:, 0].any(), 'the picture itself stays'


def test_without_a_map_pictures_stay(tmp_path):
    picture = np.full((12, 16, 3), 90, np.uint8)
    ((_, shown),) = with_attention([(7, picture)], Policy.load(make_tiny_bundle(tmp_path / 'tiny')))
    np.testing.assert_array_equal(shown, picture)
