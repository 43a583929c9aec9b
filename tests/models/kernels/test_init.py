import subprocess
import sys


def test_the_room_opens_where_triton_is_not():
    code = "import sys; sys.modules['triton'] = None; import models.kernels, models.fused, models.predictor"
    subprocess.run([sys.executable, "-c", code], check=True)
