-- Sends each result of Adjuvant to a DICOM modality as soon as it is stored. Results are told by
-- their equipment, never by a description.
--
-- orthanc.json:  "LuaScripts": ["/path/to/deploy/lua/route-results.lua"],
--                "DicomModalities": {"PACS": ["PACS", "pacs.example", 104]}
--
-- Orthanc's job engine does the sending, with the retries of Orthanc and none of ours.

local MODALITY = 'PACS'
local MANUFACTURER = 'Adjuvant open-source project'

function OnStoredInstance(instanceId, tags, metadata, origin)
   if tags['Manufacturer'] == MANUFACTURER then
      SendToModality(instanceId, MODALITY)
   end
end
