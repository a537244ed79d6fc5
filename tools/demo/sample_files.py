"""Real files of many kinds: those of this repository and its build, and some that Python's own library writes."""
import csv
import gzip
import json
import pathlib
import random
import sqlite3
import struct
import tarfile
import wave
import zipfile
import zlib

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
# Of every language that the repository is written in, and what its build makes.
OWN = ("README.md", "dev", "CMakeLists.txt", "runtime/core/run.c", "codegen/artifact/Write.cpp", "tools/demo/demo.py", "frontends/onnx/onnx-ml.proto",
       "CMakePresets.json", ".cache/models/magika.onnx", "build/bin/smelt")


def _png(path):
    """A gradient of 64 × 64 pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(value for x in range(64) for value in (4 * x, 4 * y, 128)) for y in range(64))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) +
                     chunk(b"IEND", b""))


def _bmp(path):
    pixels = bytes(range(256)) * 48
    path.write_bytes(b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54 + len(pixels), 0, 0, 54, 40, 64, 64, 1, 24, 0, len(pixels), 2835, 2835, 0, 0) + pixels)


def _wav(path):
    """A second of a falling tone."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", int(9000 * ((i * (440 - i // 100) / 16000) % 1 - 0.5))) for i in range(16000)))


def _pdf(path):
    objects = (b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
               b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 100] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
               b"<< /Length 42 >>\nstream\nBT /F1 24 Tf 20 40 Td (A page of text) Tj ET\nendstream",
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    text, places = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(text))
        text += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    path.write_bytes(text + b"xref\n0 6\n0000000000 65535 f \n" + table + b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(text))


def _sqlite(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE metals (name TEXT, melts_at REAL)")
        database.executemany("INSERT INTO metals VALUES (?, ?)", [("tin", 231.9), ("iron", 1538.0), ("copper", 1084.6)])
    database.close()


def _csv(path):
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("name", "symbol", "melts_at", "density"))
        table.writerows((("tin", "Sn", 231.9, 7.29), ("lead", "Pb", 327.5, 11.34), ("zinc", "Zn", 419.5, 7.14), ("copper", "Cu", 1084.6, 8.96)) * 5)


def _html(path):
    path.write_text("<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Metals</title></head>\n<body>\n<h1>Metals</h1>\n"
                    "<ul><li>tin</li><li>iron</li></ul>\n<p>Melted, poured, cooled.</p>\n</body>\n</html>\n")


def _json(path):
    path.write_text(json.dumps({"metals": [{"name": "tin", "melts_at": 231.9}, {"name": "iron", "melts_at": 1538}], "unit": "°C"}, indent=2))


def _zip(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("CONTRIBUTING.md", "LICENSE"):
            archive.write(REPOSITORY / name, name)


def _tar(path):
    with tarfile.open(path, "w") as archive:
        archive.add(REPOSITORY / "LICENSE", "LICENSE")


def _gzip(path):
    path.write_bytes(gzip.compress((REPOSITORY / "LICENSE").read_bytes(), mtime=0))


def _noise(path):
    path.write_bytes(random.Random(0).randbytes(8192))


# Name without a telling ending → what writes it: the network sees bytes, not names.
MADE = {"picture": _png, "bitmap": _bmp, "sound": _wav, "page": _pdf, "database": _sqlite, "table": _csv, "web-page": _html, "settings": _json,
        "archive": _zip, "tape": _tar, "compressed": _gzip, "noise": _noise}


def gather(folder):
    """[(name, path)]: the repository's own files, and those written into `folder`."""
    found = [(name, REPOSITORY / name) for name in OWN if (REPOSITORY / name).exists()]
    for name, write in MADE.items():
        write(folder / name)
        found.append((name, folder / name))
    return found
