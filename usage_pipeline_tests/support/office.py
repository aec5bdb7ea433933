"""Turns workbooks and PDFs into pages, by LibreOffice and pdftoppm where they are installed; CI installs both."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

OFFICE, PICTURES = shutil.which("soffice"), shutil.which("pdftoppm")
needs_office = [
    pytest.mark.office,
    pytest.mark.skipif(not (OFFICE and PICTURES) and "CI" not in os.environ, reason="no LibreOffice or pdftoppm here"),
]


def as_pdf(workbook: Path, folder: Path) -> Path:
    """Returns the PDF that LibreOffice prints of a workbook."""
    assert OFFICE, "CI has LibreOffice"
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    words = [OFFICE, "--headless", profile, "--convert-to", "pdf", "--outdir", str(folder), str(workbook)]
    subprocess.run(words, check=True, capture_output=True, timeout=150)
    return folder / f"{workbook.stem}.pdf"


def pdf_text(pdf: Path) -> str:
    """Returns the text of all pages."""
    done = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], check=True, capture_output=True, timeout=60)
    return done.stdout.decode()


def pictures(pdf: Path, folder: Path, dots_an_inch: int = 60) -> list[Path]:
    """Returns a picture a page; a copy of each is kept where CI looks at pictures."""
    assert PICTURES, "CI has pdftoppm"
    folder.mkdir(parents=True, exist_ok=True)
    words = [PICTURES, "-r", str(dots_an_inch), "-png", str(pdf), str(folder / pdf.stem)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    made = sorted(folder.glob(f"{pdf.stem}-*.png"))
    kept = os.environ.get("USAGE_PIPELINE_SCREENSHOTS")
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
        for picture in made:
            shutil.copy(picture, kept)
    return made
