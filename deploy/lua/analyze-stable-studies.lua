-- Has each study read as soon as Orthanc calls it stable ("StableAge" in orthanc.json): what was
-- refused or failed while the study was incomplete is tried again. What is done stays as it is.
--
-- orthanc.json:  "LuaScripts": ["/path/to/deploy/lua/analyze-stable-studies.lua"]
--
-- "Deferred" is needed: while a Lua script runs, Orthanc answers no other request.

local BODY = '{"Deferred": true, "Priority": 1}'

function OnStableStudy(studyId, tags, metadata)
   local answer = RestApiPost('/adjuvant/studies/' .. studyId .. '/analyze', BODY)
   if answer == nil or answer == '' then
      print('Adjuvant was not asked to read study ' .. studyId)  -- Orthanc's identifier, no patient
   end
end
