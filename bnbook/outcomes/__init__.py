"""What is read off the records: one file a chapter, and what they share in `arms`.

A claim's statistic, a figure's view of a record and the number that an exercise expects are the
same function of the record, and stand here.
"""
