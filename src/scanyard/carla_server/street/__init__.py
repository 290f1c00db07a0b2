"""The static street of one map in one style: ground, buildings, greenery, furniture, parked vehicles."""
