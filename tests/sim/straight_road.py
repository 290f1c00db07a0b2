"""A straight two-lane road as OpenDRIVE text, for tests of what happens on it."""

STRAIGHT_ROAD = """<?xml version="1.0"?>
<OpenDRIVE>
 <header revMajor="1" revMinor="4" name="straight" version="1" north="0" south="0" east="0" west="0">
  <geoReference><![CDATA[+proj=tmerc +lat_0=49 +lon_0=8]]></geoReference>
 </header>
 <road name="main" length="400" id="1" junction="-1">
  <link/>
  <type s="0" type="town"/>
  <planView><geometry s="0" x="0" y="0" hdg="0" length="400"><line/></geometry></planView>
  <elevationProfile><elevation s="0" a="0" b="0" c="0" d="0"/></elevationProfile>
  <lateralProfile/>
  <lanes>
   <laneSection s="0">
    <left><lane id="1" type="driving"><link/><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></left>
    <center><lane id="0" type="none"><link/></lane></center>
    <right><lane id="-1" type="driving"><link/><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane></right>
   </laneSection>
  </lanes>
 </road>
</OpenDRIVE>
"""
