import os, shutil
from tempfile import TemporaryDirectory
from unittest.mock import patch
from pathlib import Path
import ganinv_cli as ganinv
from ganinv_cli import cache
from ganinv_cli.settings.shipped import find_folder
from ganinv_cli.reenact.known_pictures import find_stranger_errors
for name in ("portraits64","faces32","faces16"):
    measured=find_folder("checkpoint")/name/cache.SHIPPED
    with TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"]=folder
        with patch.object(cache,"describe_environment",tuple):
            print(name, find_stranger_errors(ganinv.load(name).build(),None))
        shutil.rmtree(measured/"strangers")
        shutil.copytree(Path(cache.find_cache_folder() or folder)/"strangers", measured/"strangers")
        print(measured)
