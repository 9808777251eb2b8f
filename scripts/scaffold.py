"""What scripts/new-op, new-pass and new-tactic share: names, list files, writing a new file."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def snake_case(name):
    """HardSwish -> hard_swish, RMSNormalization -> rms_normalization, LRN -> lrn."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def pascal_case(name):
    return "".join(part.capitalize() for part in name.split("_"))


def require(condition, message):
    if not condition:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {message}")


def create(path, text):
    path = ROOT / path
    require(not path.exists(), f"{path.relative_to(ROOT)} exists already")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    print(f"wrote {path.relative_to(ROOT)}")


def add_entry(list_file, line, section=None):
    """Adds a line to a list file: into the section whose heading has the text `section`, in order; else at the end."""
    path = ROOT / list_file
    lines = path.read_text().splitlines()
    name = re.match(r"\w+\(\s*(\w+)", line).group(1)
    macro = line.split("(")[0]
    entry = re.compile(rf"{macro}\(\s*(\w+)")
    require(not any((m := entry.match(old)) and m.group(1) == name for old in lines), f"{list_file} has '{name}' already")
    at = len(lines)
    if section is not None:
        headings = [i for i, old in enumerate(lines) if re.match(r"//\s*-+", old)]
        start = next((i for i in headings if section.lower() in lines[i].lower()), None)
        require(start is not None, f"{list_file} has no section '{section}'; it has:\n" +
                "\n".join("  " + lines[i].strip("/- ") for i in headings))
        at = start + 1
        for i in range(start + 1, len(lines)):
            found = entry.match(lines[i])
            if not found or found.group(1) > name:
                break
            at = i + 1
    lines.insert(at, line)
    path.write_text("\n".join(lines) + "\n")
    print(f"added {line.split('  //')[0]} to {list_file}:{at + 1}")
