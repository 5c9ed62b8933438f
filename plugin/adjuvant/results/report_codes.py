"""The coded words of the report: of SNOMED CT, DICOM and UCUM where they are right, else our own.

Neither SNOMED CT nor DICOM has a concept for counts in a planar outline, for their ratio to the
background or for the comparison of two lobes.
"""

from __future__ import annotations

from pydicom import Dataset
from pydicom.sr.coding import Code

from adjuvant.results.provenance import MANUFACTURER
from adjuvant.results.uids import named_uid

SCHEME = "99ADJUVANT"

# PS3.16 CID 7021 may be extended. Its (126000, DCM, "Imaging Measurement Report") says nothing of
# who measured, and OHIF shows a report of that title only where it holds coordinates itself.
TITLE = Code("ai-measurements", SCHEME, "AI Measurement Report")

# PS3.16 annex D, as TID 1500, 1001, 1004, 4019, 1501 and 1410 ask for them.
LANGUAGE = Code("121049", "DCM", "Language of Content Item and Descendants")
ENGLISH = Code("en", "RFC5646", "English")
OBSERVER_TYPE = Code("121005", "DCM", "Observer Type")
DEVICE = Code("121007", "DCM", "Device")
DEVICE_UID = Code("121012", "DCM", "Device Observer UID")
DEVICE_NAME = Code("121013", "DCM", "Device Observer Name")
DEVICE_MANUFACTURER = Code("121014", "DCM", "Device Observer Manufacturer")
DEVICE_MODEL = Code("121015", "DCM", "Device Observer Model Name")
DEVICE_SERIAL = Code("121016", "DCM", "Device Observer Serial Number")
PROCEDURE_REPORTED = Code("121058", "DCM", "Procedure reported")
IMAGING_MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")
TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
TRACKING_UID = Code("112040", "DCM", "Tracking Unique Identifier")
FINDING_CATEGORY = Code("276214006", "SCT", "Finding category")
FINDING = Code("121071", "DCM", "Finding")
FINDING_SITE = Code("363698007", "SCT", "Finding Site")
ALGORITHM_NAME = Code("111001", "DCM", "Algorithm Name")
ALGORITHM_VERSION = Code("111003", "DCM", "Algorithm Version")
ALGORITHM_MANUFACTURER = Code("122405", "DCM", "Algorithm Manufacturer")
ALGORITHM_PARAMETERS = Code("111002", "DCM", "Algorithm Parameters")
ALGORITHM_FAMILY = Code("111000", "DCM", "Algorithm Family")
SEGMENTATION_FRAME = Code("121214", "DCM", "Referenced Segmentation Frame")
SEGMENTED_IMAGE = Code("121233", "DCM", "Source Image for Segmentation")
SOURCE_OF_MEASUREMENT = Code("121112", "DCM", "Source of Measurement")

# PS3.16 CID 7469 and annex D: what is said.
AREA = Code("42798000", "SCT", "Area")
COMMENT = Code("121106", "DCM", "Comment")
QUALITY_FINDING = Code("111052", "DCM", "Quality Finding")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")

# PS3.16 CID 100, the only one for nuclear medicine; the organ is the finding site.
PROCEDURE = Code("49118-3", "LN", "NM unspecified body region")

# How a structure appears: PS3.16 CID 240 and annex D.
PRESENT = Code("52101004", "SCT", "Present")
NOT_VISUALIZED = Code("122288", "DCM", "Not visualized")

VOLUME = Code(
    "volume-himanka", SCHEME, "Estimated volume, 0.33 x area^1.5 (Himanka and Larsson 1955)"
)
ADMINISTERED_UPTAKE = Code("uptake-percent", SCHEME, "Uptake of administered activity")
PIXELS = Code("pixels", SCHEME, "Number of pixels")
COUNTS = Code("counts", SCHEME, "Counts in structure")
MEAN_COUNTS = Code("mean-counts", SCHEME, "Mean counts per pixel")
TO_BACKGROUND = Code("to-background", SCHEME, "Ratio of mean counts to background")
SHARE_OF_LOBES = Code("share-of-lobes", SCHEME, "Share of counts of both lobes")
LONG_AXIS = Code("103339001", "SCT", "Long axis")
CONTRAST = Code("contrast", SCHEME, "Part of counts missing against surrounding gland")
NETWORK_OUTPUT = Code(
    "network-output", SCHEME, "Highest network output in structure, no calibrated probability"
)
CANDIDATES = Code("candidates", SCHEME, "Places marked for a second look")
APPEARANCE = Code("appearance", SCHEME, "Appearance of structure")
ASYMMETRY = Code("asymmetry", SCHEME, "Asymmetry of lobes, |R-L|/(R+L) of counts")
TOTAL_COUNTS = Code("total-counts", SCHEME, "Counts in view")
BACKGROUND = Code("background", SCHEME, "Mean background counts per pixel")
UPTAKE = Code("uptake", SCHEME, "Uptake of examined organ")
OUTCOME = Code("outcome", SCHEME, "Outcome of analysis")
REFUSED = Code("refused", SCHEME, "Refused")

# PS3.16 CID 211: where in a lobe.
TOPOGRAPHICAL_MODIFIER = Code("106233006", "SCT", "Topographical modifier")
THIRDS = {
    "upper": Code("264217000", "SCT", "Superior"),
    "middle": Code("103342007", "SCT", "Mid-longitudinal"),
    "lower": Code("261089000", "SCT", "Inferior"),
}

UNITY = Code("1", "UCUM", "no units")
MILLIMETRE = Code("mm", "UCUM", "millimeter")
SQUARE_CENTIMETRE = Code("cm2", "UCUM", "square centimeter")
MILLILITRE = Code("mL", "UCUM", "milliliter")
PERCENT = Code("%", "UCUM", "percent")
RATIO = Code("{ratio}", "UCUM", "ratio")
IN_PIXELS = Code("{pixels}", "UCUM", "pixels")
IN_COUNTS = Code("{counts}", "UCUM", "counts")
COUNTS_PER_PIXEL = Code("{counts}/{pixel}", "UCUM", "counts per pixel")


def coding_scheme() -> Dataset:
    """Who answers for our own codes (CodingSchemeIdentificationSequence, PS3.3 C.12.1)."""
    item = Dataset()
    item.CodingSchemeDesignator = SCHEME
    item.CodingSchemeUID = named_uid("scheme", SCHEME)
    item.CodingSchemeName = "Adjuvant codes for planar scintigraphy"
    item.CodingSchemeResponsibleOrganization = MANUFACTURER
    return item
