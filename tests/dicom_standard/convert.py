"""What the DICOM standard's edition 2020b says of the SOP Classes that we write, in 2020b.json.xz.

dicom-validator reads the standard from dicom.nema.org, which cannot be reached from everywhere. The
package dicom-standard (innolitics, MIT licence) holds PS3.3 and PS3.6 of 2020b in JSON; this lays
them out as dicom-validator does, whose own parsers read the conditions and the enumerated values.
`make dicom-standard` runs it.
"""

from __future__ import annotations

import json
import lzma
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dicom_validator.spec_reader.condition import ConditionType
from dicom_validator.spec_reader.condition_parser import ConditionParser
from dicom_validator.spec_reader.enum_parser import EnumParser
from dicom_validator.spec_reader.serializer import DefinitionEncoder

SOURCE = Path(sys.prefix) / "standard"
MADE = Path(__file__).with_name("2020b.json.xz")
DOCBOOK = "{http://docbook.org/ns/docbook}"
# What we write: Segmentation, Secondary Capture of one and of several views, Comprehensive 3D SR.
SOP_CLASSES = tuple(f"1.2.840.10008.5.1.4.1.1.{one}" for one in ("66.4", "7", "7.4", "88.34"))
# The order of words that the parser expects is that of newer editions.
VALUES_TITLE = re.compile(r"Enumerated Values for (Value \d):")
FUNCTIONAL_GROUPS = ("(5200,9229)", "(5200,9230)")
# The package lays the attributes of all these macros side by side; PS3.3 Table C.17-5 says to
# which Value Type each belongs.
CONTENT_MACROS = {
    "numeric-measurement": "NUM",
    "code": "CODE",
    "composite-object-reference": "COMPOSITE",
    "image-reference": "IMAGE",
    "waveform-reference": "WAVEFORM",
    "spatial-coordinates": "SCOORD",
    "3d-spatial-coordinates": "SCOORD3D",
    "temporal-coordinates": "TCOORD",
    "container": "CONTAINER",
}
SR_CONTENT, CONTENT_ITEM = "sr-document-content", "content item"
CONTENT_SEQUENCE = "(0040,A730)"
# Device UID, which newer editions have in ContributingEquipmentSequence (PS3.3 Table C.12-1).
SOP_COMMON, EQUIPMENT_SEQUENCE = "sop-common", "(0018,A001)"
DEVICE_UID = {"(0018,1002)": {"name": "Device UID", "type": "3"}}

Attributes = dict[str, Any]


def convert() -> str:
    """Dictionary, information objects and modules, as the DicomInfo of dicom-validator, in JSON."""
    edition = _Edition()
    iods = edition.iods()
    used = {
        one["ref"]
        for iod in iods.values()
        for one in (*iod["modules"].values(), *iod["group_macros"].values())
    }
    made = [edition.dictionary, iods, edition.modules(used)]
    return json.dumps(made, cls=DefinitionEncoder)


class _Edition:
    def __init__(self) -> None:
        self.dictionary = {
            one["tag"]: {
                "name": one["name"],
                "vr": one["valueRepresentation"],
                "vm": one["valueMultiplicity"],
                "prop": "RET" if one["retired"] == "Y" else "",
            }
            for one in _read("attributes")
        }
        self._sections = {_label(url): text for url, text in _read("references").items()}
        self._conditions = ConditionParser(self.dictionary)
        self._values = EnumParser(self._section, self._conditions)

    def iods(self) -> dict[str, Any]:
        """The modules and functional groups of each SOP Class."""
        identifiers = {one["name"]: one["id"] for one in _read("ciods")}
        return {
            one["id"]: {
                "title": one["ciod"],
                "modules": self._used(identifiers[one["ciod"]], "module", "ciod_to_modules"),
                "group_macros": self._used(identifiers[one["ciod"]], "macro", "ciod_to_fg_macros"),
            }
            for one in _read("sops")
            if one["id"] in SOP_CLASSES
        }

    def modules(self, used: set[str]) -> dict[str, Attributes]:
        """The attributes of modules and macros."""
        found = {
            **self._trees("module", used),
            **self._trees("macro", used | set(CONTENT_MACROS)),
        }
        for tag in FUNCTIONAL_GROUPS:
            groups = found["multi-frame-functional-groups"][tag]
            groups["items"] = {"include": [{"ref": "FuncGroup"}]}
        found[SOP_COMMON][EQUIPMENT_SEQUENCE]["items"].update(DEVICE_UID)
        found[CONTENT_ITEM] = self._nest(found, found[SR_CONTENT])
        return found

    def _nest(self, found: dict[str, Attributes], root: Attributes) -> Attributes:
        """Let content items hold content items, without end; what is returned is one of them."""
        item: Attributes = root[CONTENT_SEQUENCE]["items"]
        for content in (root, item):
            for macro in CONTENT_MACROS:
                for tag in found[macro]:
                    content.pop(tag, None)
            content["include"] = [
                {"ref": macro, "cond": self._of_value_type(value_type)}
                for macro, value_type in CONTENT_MACROS.items()
            ]
        root[CONTENT_SEQUENCE]["items"] = {"include": [{"ref": CONTENT_ITEM}]}
        item[CONTENT_SEQUENCE] = root[CONTENT_SEQUENCE]
        return item

    def _of_value_type(self, value_type: str) -> Any:
        condition = self._conditions.parse(
            f"Required if Value Type (0040,A040) is {value_type}. May not be present otherwise."
        )
        condition.type = ConditionType.MandatoryOrNotAllowed
        return condition

    def _used(self, iod: str, kind: str, file: str) -> dict[str, Attributes]:
        titles = {one["id"]: one["name"] for one in _read(f"{kind}s")}
        used: dict[str, Attributes] = {}
        for row in _read(file):
            if row["ciodId"] == iod:
                ref, said = row[f"{kind}Id"], row["conditionalStatement"]
                usage = f"{row['usage']} - {said}" if said else row["usage"]
                used[titles[ref]] = {"ref": ref, "use": usage}
                if said:
                    used[titles[ref]]["cond"] = self._conditions.parse(usage)
        return used

    def _trees(self, kind: str, used: set[str]) -> dict[str, Attributes]:
        """The attributes of each, those of items below their sequence."""
        places: dict[str, Attributes] = {}
        for row in _read(f"{kind}_to_attributes"):
            if row[f"{kind}Id"] in used:
                parent = places.setdefault(row["path"].rpartition(":")[0], {})
                items = parent.setdefault("items", {})
                places[row["path"]] = items.setdefault(row["tag"], self._attribute(row))
        return {path: place["items"] for path, place in places.items() if ":" not in path}

    def _attribute(self, row: Attributes) -> Attributes:
        tag, text = row["tag"], _parsed(row["description"])
        known = self.dictionary[tag.replace("60xx", "60XX")]  # repeating groups: overlays
        attribute: Attributes = {"name": known["name"], "type": row["type"]}
        if row["type"] in ("1C", "2C", "3"):
            condition = self._conditions.parse(_spoken(text))
            if condition.type != ConditionType.UserDefined:
                attribute["cond"] = condition
        links = [_label(one["sourceUrl"]) for one in row["externalReferences"]]
        values = [
            {key: value for key, value in one.items() if key != "tag"}
            for one in self._values.parse(_docbook(text, links), known["vr"])
            if one.get("tag", tag) == tag
        ]
        if values:
            attribute["enums"] = values
        return attribute

    def _section(self, number: str) -> ET.Element | None:
        text = self._sections.get(f"sect_{number}")
        return None if text is None else _docbook(_parsed(text))


def _read(name: str) -> Any:
    return json.loads((SOURCE / f"{name}.json").read_text(encoding="utf8"))


def _label(url: str) -> str:
    """The name of a section in a link to it."""
    return url.rpartition("#")[2]


def _parsed(html: str) -> ET.Element:
    return ET.fromstring(f"<div>{html}</div>")


def _spoken(node: ET.Element) -> str:
    return " ".join(" ".join(node.itertext()).split())


def _docbook(html: ET.Element, links: Iterable[str] = ()) -> ET.Element:
    """Its lists of values and its links, under DocBook's names for them."""
    cell, title = ET.Element(DOCBOOK + "td"), ""
    for node in _of_its_own(html):
        if node.tag == "p" and node.find("strong") is not None:
            title = VALUES_TITLE.sub(r"\1 Enumerated Values:", _spoken(node))
        elif node.tag == "dl":
            values = ET.SubElement(cell, DOCBOOK + "variablelist")
            ET.SubElement(values, DOCBOOK + "title").text = title
            for term in node.iter("dt"):
                entry = ET.SubElement(values, DOCBOOK + "varlistentry")
                ET.SubElement(entry, DOCBOOK + "term").text = _spoken(term)
    for link in links:
        paragraph = ET.SubElement(cell, DOCBOOK + "para")
        ET.SubElement(paragraph, DOCBOOK + "xref", linkend=link)
    return cell


def _of_its_own(node: ET.Element) -> Iterator[ET.Element]:
    """A node and what is in it, but for tables and lists: their values are of something else."""
    if node.tag not in ("table", "ol", "ul"):
        yield node
        for child in node:
            yield from _of_its_own(child)


if __name__ == "__main__":
    MADE.write_bytes(lzma.compress(convert().encode(), preset=9))
