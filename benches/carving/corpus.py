#!/usr/bin/env python3
"""Makes an image of a drive without a file system, full of photos in one piece, in several, and damaged ones.

    corpus.py --seed N --out DIR [--mib 256] [--cluster BYTES] PHOTOS...

PHOTOS are files and folders of real JPEG, HEIC, CR3, MP4 and MOV files. JPEGs are cut, rewritten and encoded again
(jpegtran, cjpeg), so that no two are the same, with Huffman tables of their own or the standard's, progressive or not, with and
without restart markers. Films and pictures of other formats are made by ffmpeg and heif-enc where they are there.
What was put where stands in DIR/truth.json. The same seed makes the same image from the same files and tools.
"""
import argparse, hashlib, json, math, os, random, shutil, struct, subprocess, sys, zlib


def run(command, stdin=None):
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else b""


def picture(codec, pixels):
    """Pixels as a picture in a file of its own."""
    form = {"png": "image2pipe", "gif": "gif", "libwebp": "webp"}[codec]
    made = run(["ffmpeg", "-loglevel", "error", "-f", "ppm_pipe", "-i", "-", "-c:v", codec, "-frames:v", "1", "-f", form, "-"], pixels)
    if form != "webp" or len(made) < 20:
        return made
    # Into a pipe ffmpeg cannot go back to write the size, and writes it behind the end.
    length = struct.unpack("<I", made[16:20])[0]
    made = made[:20 + length + length % 2]
    return made[:4] + struct.pack("<I", len(made) - 8) + made[8:]


def sources(places):
    found = []
    for place in places:
        if os.path.isfile(place):
            found.append(place)
        for folder, _, names in sorted(os.walk(place)):
            found += [os.path.join(folder, name) for name in sorted(names)]
    return [one for one in found if os.path.getsize(one) > 20_000]


def jpeg_size(data):
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return None
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2:at + 4])[0]
        if 0xC0 <= marker <= 0xC2:
            high, wide = struct.unpack(">HH", data[at + 5:at + 9])
            return wide, high
        at += 2 + length
    return None


class Maker:
    def __init__(self, rng, files):
        self.rng, self.made = rng, set()
        ends = lambda *kinds: [one for one in files if one.lower().endswith(kinds)]
        self.jpegs = [one for one in ends(".jpg", ".jpeg") if self.is_sound(one)]
        self.ready = [one for one in ends(".heic", ".heif", ".hif", ".cr3", ".mp4", ".mov", ".3gp", ".avif") if self.is_all(one)]
        if not self.jpegs:
            sys.exit("no sound JPEG of more than 100 kB was given")

    @staticmethod
    def is_sound(path):
        data = open(path, "rb").read()
        if len(data) < 100_000 or not jpeg_size(data):
            return False
        done = subprocess.run(["djpeg", "-scale", "1/8"], input=data, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return done.returncode == 0 and not done.stderr

    @staticmethod
    def is_all(path):
        """Whether the boxes of the file end where it does."""
        data, at = open(path, "rb").read(), 0
        while at + 8 <= len(data):
            size = struct.unpack(">I", data[at:at + 4])[0]
            if size == 1:
                size = struct.unpack(">Q", data[at + 8:at + 16])[0]
            if size < 8:
                return False
            at += size
        return at == len(data)

    def jpeg(self):
        """A picture cut out of a real one, written in one of many ways."""
        rng = self.rng
        for _ in range(20):
            data = open(rng.choice(self.jpegs), "rb").read()
            wide, high = jpeg_size(data)
            w, h = (int(side * rng.uniform(0.45, 0.95)) // 16 * 16 for side in (wide, high))
            x, y = (rng.randrange(0, max(1, (side - part) // 16)) * 16 for side, part in ((wide, w), (high, h)))
            turn = rng.choice([[], [], ["-flip", "horizontal"], ["-rotate", "180"]])
            style = rng.choice([[], [], [], ["-optimize"], ["-optimize"], ["-progressive"], ["-restart", str(rng.randint(1, 8))],
                                ["-restart", f"{rng.choice([1, 8, 50])}B"]])
            if rng.random() < 0.4:
                pixels = run(["djpeg"], run(["jpegtran", "-crop", f"{w}x{h}+{x}+{y}"], data))
                sampling = rng.choice(["2x2", "2x1", "1x1"])
                made = run(["cjpeg", "-quality", str(rng.randint(60, 97)), "-sample", sampling, *style], pixels)
            else:
                made = run(["jpegtran", "-copy", "all", "-crop", f"{w}x{h}+{x}+{y}", *turn, *style], data)
            if 60_000 < len(made) < 6_000_000 and self.is_new(made):
                return "jpeg", made
        return "jpeg", data

    def is_new(self, data):
        name = hashlib.sha256(data).digest()
        new = name not in self.made
        self.made.add(name)
        return new

    def film(self):
        rng = self.rng
        kind, brand = rng.choice([("mp4", []), ("mov", []), ("mp4", ["-movflags", "+faststart"])])
        path = f"/tmp/keepsake-corpus-{os.getpid()}.{kind}"
        noise = f"testsrc2=size={rng.choice(['640x360', '1280x720'])}:rate=25:duration={rng.randint(2, 5)},noise=alls={rng.randint(5, 25)}:allf=t:all_seed={rng.randrange(1 << 30)}"
        sound = f"sine=frequency={rng.randint(200, 900)}:duration=5"
        codec = rng.choice([["-c:v", "libx264", "-preset", "veryfast", "-crf", "26"], ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "28"]])
        run(["ffmpeg", "-y", "-loglevel", "error", "-f", "lavfi", "-i", noise, "-f", "lavfi", "-i", sound, "-shortest", *codec,
             "-pix_fmt", "yuv420p", "-c:a", "aac", *brand, path])
        data = open(path, "rb").read() if os.path.exists(path) else b""
        if data:
            os.unlink(path)
        return "film", data

    def ready_made(self, *ends):
        choice = [one for one in self.ready if one.lower().endswith(ends)]
        self.rng.shuffle(choice)
        for one in choice:
            data = open(one, "rb").read()
            if len(data) > 20_000 and self.is_new(data):
                return data
        return b""

    def heic(self):
        data = self.ready_made(".heic", ".heif", ".hif")
        if data:
            return "heic", data
        _, jpeg = self.jpeg()
        stem = f"/tmp/keepsake-corpus-{os.getpid()}"
        open(stem + ".jpg", "wb").write(run(["djpeg", "-scale", "1/2"], jpeg) and run(["cjpeg", "-quality", "92"], run(["djpeg", "-scale", "1/2"], jpeg)))
        run(["heif-enc", "-q", "60", "-p", "preset=ultrafast", stem + ".jpg", "-o", stem + ".heic"])
        data = open(stem + ".heic", "rb").read() if os.path.exists(stem + ".heic") else b""
        for end in (".jpg", ".heic"):
            if os.path.exists(stem + end):
                os.unlink(stem + end)
        return "heic", data

    def png(self):
        _, jpeg = self.jpeg()
        return "png", picture("png", run(["djpeg", "-scale", "1/4"], jpeg))

    def gif(self):
        _, jpeg = self.jpeg()
        return "gif", picture("gif", run(["djpeg", "-scale", "1/8"], jpeg))

    def webp(self):
        _, jpeg = self.jpeg()
        return "webp", picture("libwebp", run(["djpeg", "-scale", "1/4"], jpeg))

    def raw(self):
        """A raw file: the real one there is, or a TIFF with packed samples, a preview and a directory below."""
        data = self.ready_made(".cr3")
        if data:
            return "raw", data
        rng = self.rng
        _, preview = self.jpeg()
        wide, high = 64 * rng.randint(10, 24), 64 * rng.randint(8, 16)
        level, samples = 2000, bytearray()
        for _ in range(wide * high):
            level = max(64, min(16000, level + rng.randint(-90, 90)))
            samples += struct.pack("<H", level)
        make = rng.choice([b"NIKON CORPORATION\0", b"SONY\0", b"PENTAX\0"])
        entries = lambda *all: struct.pack("<H", len(all)) + b"".join(struct.pack("<HHII", *one) for one in all) + b"\0\0\0\0"
        make_at, first, below = 8, 32, 200
        preview_at = 512
        samples_at = preview_at + len(preview) + len(preview) % 2
        head = b"II*\0" + struct.pack("<I", first) + make.ljust(24, b"\0")
        head += entries((0x100, 4, 1, 160), (0x101, 4, 1, 120), (0x10F, 2, len(make), make_at), (0x14A, 4, 1, below),
                        (0x201, 4, 1, preview_at), (0x202, 4, 1, len(preview)))
        head = head.ljust(below, b"\0")
        head += entries((0x100, 4, 1, wide), (0x101, 4, 1, high), (0x103, 4, 1, 1), (0x111, 4, 1, samples_at),
                        (0x117, 4, 1, len(samples)))
        data = head.ljust(preview_at, b"\0") + preview
        return "raw", data.ljust(samples_at, b"\0") + bytes(samples)


def words(rng, length):
    some = [bytes(rng.choice(b"abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 9))) for _ in range(400)]
    out = bytearray()
    while len(out) < length:
        out += rng.choice(some) + b" "
    return bytes(out[:length])


class Filler:
    def __init__(self, rng, maker):
        self.rng, self.maker = rng, maker
        self.orphans = [maker.jpeg()[1] for _ in range(3)]
        self.words = words(rng, 1 << 20)

    def fill(self, length):
        rng = self.rng
        kind = rng.choice(["zeros", "noise", "noise", "words", "packed", "orphan", "constant"])
        if kind == "zeros":
            return bytes(length)
        if kind == "noise":
            return rng.randbytes(length)
        if kind == "constant":
            return bytes([rng.randrange(256)]) * length
        if kind == "words":
            return (self.words * (length // len(self.words) + 1))[:length]
        if kind == "packed":
            packed = zlib.compress(self.words[rng.randrange(1 << 19):], 1)
            return (packed * (length // len(packed) + 1))[:length]
        # The midst of a picture whose head and end are lost.
        data = rng.choice(self.orphans)
        at = rng.randrange(len(data) // 4, len(data) // 2)
        inside = data[at:-1024]
        if len(inside) >= length:
            return inside[:length]
        return inside + rng.randbytes(length - len(inside))


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("--seed", type=int, required=True)
    ask.add_argument("--out", required=True)
    ask.add_argument("--mib", type=int, default=256)
    ask.add_argument("--cluster", type=int, default=0)
    ask.add_argument("--keep", action="store_true", help="write the files themselves to DIR/originals too")
    ask.add_argument("photos", nargs="+")
    asked = ask.parse_args()
    rng = random.Random(asked.seed)
    cluster = asked.cluster or rng.choice([512, 1024, 2048, 4096, 4096, 8192, 16384, 32768, 65536, 131072])
    maker = Maker(rng, sources(asked.photos))
    filler = Filler(rng, maker)
    room = asked.mib << 20
    truth, groups = [], []

    def clusters(data, after=None):
        """The file in whole clusters; what is behind its end is what was there before."""
        rest = -len(data) % cluster
        slack = bytes(rest) if rng.random() < 0.5 else rng.randbytes(rest)
        data += slack
        return [data[at:at + cluster] for at in range(0, len(data), cluster)]

    def note(kind, how, data, exact=True):
        if asked.keep:
            folder = os.path.join(asked.out, "originals")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, hashlib.sha256(data).hexdigest()[:8]), "wb") as out:
                out.write(data)
        truth.append({"kind": kind, "class": how, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data),
                      "exact": exact, "head": hashlib.sha256(data[:2048]).hexdigest()})

    def gap():
        most = max(1, min(100_000, room // 14 // cluster))
        return max(1, int(math.exp(rng.uniform(0, math.log(most + 1)))))

    def between():
        """What lies between two parts: nothing known, or other photos that are whole."""
        if rng.random() < 0.3:
            kind, other = maker.jpeg()
            note(kind, "intact", other)
            return clusters(other)
        length = gap() * cluster
        data = filler.fill(length)
        return [data]

    def cut(parts, count):
        places = sorted(rng.sample(range(1, len(parts)), min(count - 1, len(parts) - 1)))
        return [parts[a:b] for a, b in zip([0, *places], [*places, len(parts)])]

    def long_jpeg(least):
        for _ in range(30):
            kind, data = maker.jpeg()
            if len(data) > least * cluster:
                return kind, data
        return kind, data

    def add(how, makes):
        kind, data = makes()
        parts = clusters(data)
        if not data or len(parts) < {"two": 2, "three": 3, "swapped": 2, "interleaved": 2, "overwritten": 3, "tail lost": 2}.get(how, 1):
            return
        if how == "intact":
            groups.append([parts])
        elif how in ("two", "three"):
            pieces = cut(parts, 2 if how == "two" else 3)
            group = [pieces[0]]
            for piece in pieces[1:]:
                group += [between(), piece]
            groups.append(group)
        elif how == "swapped":
            one, other = cut(parts, 2)
            groups.append([other, between(), one])
        elif how == "interleaved":
            _, second = long_jpeg(2)
            theirs = clusters(second)
            if len(theirs) < 2:
                return
            (a1, a2), (b1, b2) = cut(parts, 2), cut(theirs, 2)
            groups.append([a1, b1, a2, b2])
            note("jpeg", how, second)
        elif how == "overwritten":
            at = rng.randrange(1, len(parts) - 1)
            length = rng.randint(1, max(1, min(64, len(parts) - at - 1)))
            lost = filler.fill(length * cluster)
            groups.append([parts[:at], [lost], parts[at + length:]])
        elif how == "tail lost":
            at = rng.randrange(1, len(parts))
            groups.append([parts[:at], [filler.fill(max(cluster, 32 * cluster))]])
        note(kind, how, data, how not in ("overwritten", "tail lost"))

    jpeg = lambda: long_jpeg(4)
    share = asked.mib / 256
    plan = [("intact", jpeg, 24), ("two", jpeg, 20), ("three", jpeg, 10), ("swapped", jpeg, 6), ("interleaved", jpeg, 5),
            ("overwritten", jpeg, 4), ("tail lost", jpeg, 4), ("intact", maker.heic, 3), ("two", maker.heic, 5),
            ("intact", maker.film, 3), ("two", maker.film, 5), ("intact", maker.png, 4), ("two", maker.png, 2), ("intact", maker.gif, 2),
            ("intact", maker.webp, 2), ("intact", maker.raw, 3)]
    for how, makes, count in plan:
        for _ in range(max(1, round(count * share))):
            add(how, makes)
    rng.shuffle(groups)
    os.makedirs(asked.out, exist_ok=True)
    written = 0
    with open(os.path.join(asked.out, "image"), "wb") as image:
        def put(data):
            nonlocal written
            image.write(data)
            written += len(data)
        put(filler.fill(cluster * rng.randint(1, 64)))
        for group in groups:
            for piece in group:
                for part in piece:
                    put(part)
            put(filler.fill(cluster * rng.randint(1, max(2, min(2000, room // 200 // cluster)))))
        while written < room:
            put(filler.fill(min(room - written, 8 << 20) // cluster * cluster or cluster))
    with open(os.path.join(asked.out, "truth.json"), "w") as out:
        json.dump({"seed": asked.seed, "cluster": cluster, "bytes": written, "files": truth}, out, indent=1)
    print(f"seed {asked.seed}: {written >> 20} MiB, clusters of {cluster}, {len(truth)} files")


main()
