"""What a Python makes of the whole collection of letters, to be held against another Python's readings."""

# Every reading that the two sub-commands print, of every letter, in one process; only the core is needed for it.
READ_ALL = """
import contextlib, io, json, os, sys
from pathlib import Path
import emaillab
from emaillab.cli import main
beside = Path(emaillab.__file__).parent
sys.path.append(str(beside.parent))  # in a browser the path is the folder that we leave now
os.chdir(next(folder for folder in (beside / "_course", beside.parent) if (folder / "data").is_dir()))
readings = {}
for file in sorted(Path("data").rglob("*.*")):
    if file.suffix in (".eml", ".txt"):
        for command in ("dissect", "trace"):
            with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
                status = main([command, str(file), "--json"])
            readings[f"{command} {file}"] = status, out.getvalue()
print(json.dumps(readings))
"""
