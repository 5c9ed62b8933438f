"""Results on their way out: to DICOM modalities, Orthanc's peers and DICOMweb servers."""
