-- How a file was found that no folder lists, and the bytes of it that the source did not give.
ALTER TABLE sighting ADD COLUMN found TEXT;              -- model::Found; none: a folder lists it
ALTER TABLE sighting ADD COLUMN lost  TEXT;              -- offset+length, …; none: every byte came
CREATE INDEX object_by_size ON object (size, kind);  -- to find other copies of a damaged file
CREATE TRIGGER sighting_found_changed AFTER UPDATE OF found, lost ON sighting
    WHEN old.found IS NOT new.found OR old.lost IS NOT new.lost
    BEGIN UPDATE archive SET generation = generation + 1; END;
